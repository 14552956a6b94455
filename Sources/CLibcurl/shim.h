// What Swift cannot import from <curl/curl.h>: variadics, and one union. Each shim fixes the type of the third argument;
// pick the one that the option's manual page asks for.
#pragma once
#include <curl/curl.h>

static inline CURLcode clibcurl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode clibcurl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode clibcurl_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode clibcurl_set_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode clibcurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}

/// The shape that WRITEFUNCTION, HEADERFUNCTION and READFUNCTION have in common.
typedef size_t (*clibcurl_bytes_callback)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode clibcurl_set_bytes_callback(CURL *easy, CURLoption option, clibcurl_bytes_callback callback) {
    return curl_easy_setopt(easy, option, callback);
}

static inline CURLcode clibcurl_set_prereq_callback(CURL *easy, curl_prereq_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, callback);
}

static inline CURLcode clibcurl_set_progress_callback(CURL *easy, curl_xferinfo_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, callback);
}

static inline CURLcode clibcurl_set_open_socket_callback(CURL *easy, curl_opensocket_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
}

static inline CURLcode clibcurl_set_close_socket_callback(CURL *easy, curl_closesocket_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, callback);
}

static inline CURLcode clibcurl_get_long(CURL *easy, CURLINFO name, long *value) {
    return curl_easy_getinfo(easy, name, value);
}

/// The certificates of the last handshake, which belong to the handle; null if there are none.
static inline const struct curl_certinfo *clibcurl_certificates(CURL *easy) {
    struct curl_certinfo *certificates = NULL;
    return curl_easy_getinfo(easy, CURLINFO_CERTINFO, &certificates) == CURLE_OK ? certificates : NULL;
}

static inline CURLcode clibcurl_set_debug_callback(CURL *easy, curl_debug_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, callback);
}

static inline CURLMcode clibcurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

/// The outcome of a CURLMSG_DONE message, which C keeps in a union.
static inline CURLcode clibcurl_message_result(const CURLMsg *message) {
    return message->data.result;
}
