#include "bridge/frame.h"
