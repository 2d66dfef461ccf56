#include "store/sqlite/log.h"
