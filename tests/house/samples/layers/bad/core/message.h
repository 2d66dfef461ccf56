#include <string>
#include <core/bytes.h>
