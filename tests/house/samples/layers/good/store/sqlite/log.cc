#include "store/log.h"
