// Publishing many messages with one request.
#pragma once

namespace millrace::http {

struct Exchange;

/// `POST /v1/publish/batch`: `{"messages":[…]}`, or one message a line as application/x-ndjson. Each message
/// has its own result; the answer waits for the last.
void publish_batch(Exchange& exchange);

}  // namespace millrace::http
