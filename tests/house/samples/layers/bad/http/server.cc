#include "core/message.h"
#include "bridge/session.h"
#include "message.h"
#  include "../core/message.h"
