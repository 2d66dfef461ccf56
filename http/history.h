// What was said on a channel.
#pragma once

namespace millrace::http {

struct Exchange;

/// `GET /v1/channels/{channel}/messages?after=&before=&limit=`: those that the reader may have
void serve_history(Exchange& exchange);

}  // namespace millrace::http
