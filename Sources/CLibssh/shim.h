// What Swift cannot import from <libssh/libssh.h>: macros and variadics, nothing more.
#include <libssh/libssh.h>
#include <libssh/callbacks.h>
