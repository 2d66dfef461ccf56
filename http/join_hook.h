// What a reader of a channel waits for where a rule has a join hook.
#pragma once

#include <functional>
#include <string_view>

#include "core/hooks/question.h"
#include "http/server.h"

namespace millrace::http {

/// Goes on at once when no hook has a say, otherwise when all allow; a no is answered with 403. The request
/// and what views it are gone by then.
void after_join_hook(Exchange& exchange, std::string_view channel, hooks::Door door,
                     std::function<void(Session&)> go_on);

}  // namespace millrace::http
