#include "store/log.h"
#include "core/message.h"
