// What Swift cannot import from <libssh/libssh.h>: macros and variadics, nothing more.
#include <libssh/libssh.h>
#include <libssh/callbacks.h>
// Keep-alive is declared among what servers need, though clients send it.
#include <libssh/server.h>
