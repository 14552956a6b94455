// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl

extension CurlTransfer {
    /// libcurl as it is loaded, and what does its TLS: `7.88.1` and `OpenSSL/3.0.19`.
    package static var libraryVersion: (version: String, tls: String?)? {
        // Both are in the structure's first version; later ones only add to its end.
        guard let information = unsafe curl_version_info(CURLVERSION_FIRST)?.pointee,
            let version = unsafe information.version
        else {
            return nil
        }
        return unsafe (String(cString: version), information.ssl_version.map { unsafe String(cString: $0) })
    }
}
