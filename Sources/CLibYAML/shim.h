// What Swift imports of libyaml.
#include <yaml.h>
