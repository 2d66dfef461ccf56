// Which handler serves which request.
#pragma once

namespace millrace::http {

struct Exchange;

/// Checks who asks and serves, or answers why not. `foreign`: a web page of an origin that is not allowed
/// asks.
void dispatch(Exchange& exchange, bool foreign);

}  // namespace millrace::http
