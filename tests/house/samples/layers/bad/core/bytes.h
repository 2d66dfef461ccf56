#include "core/access/rules.h"
