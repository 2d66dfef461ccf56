// The composition root: builds everything from a configuration, runs it, takes it down.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"

namespace millrace::app {

/// The whole server. Made and run on the main thread; the shards and lanes it starts end before it does.
class Application {
  public:
    /// Opens the store and binds every listener; throws std::runtime_error with one line when that fails.
    /// `config_path` is what SIGHUP reads again; empty: there is no file.
    explicit Application(const config::Config& config, std::string config_path = {});
    ~Application();
    Application(const Application&) = delete;
    Application& operator=(const Application&) = delete;

    /// Serves until SIGTERM or SIGINT, then drains and returns.
    void run();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::app
