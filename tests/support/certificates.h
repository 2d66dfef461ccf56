// Certificates of a test's own, made by the openssl command.
#pragma once

#include <filesystem>
#include <string>

namespace millrace::testing {

/// An authority and what it has signed, in a directory that ends with its owner. Keys are P-256.
class Certificates {
  public:
    Certificates();
    ~Certificates();
    Certificates(const Certificates&) = delete;
    Certificates& operator=(const Certificates&) = delete;

    /// The authority's own certificate.
    std::string authority() const { return file("ca.pem"); }
    /// Makes NAME.pem and NAME.key, for `common_name`, at localhost and 127.0.0.1; NAME is what is given.
    void issue(const std::string& name, const std::string& common_name) const;
    std::string certificate(const std::string& name) const { return file(name + ".pem"); }
    std::string key(const std::string& name) const { return file(name + ".key"); }
    std::string file(const std::string& name) const { return (directory_ / name).string(); }

  private:
    void openssl(const std::string& arguments) const;

    std::filesystem::path directory_;
};

}  // namespace millrace::testing
