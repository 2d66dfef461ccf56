#include "core/message.h"
#include "config/config.h"
