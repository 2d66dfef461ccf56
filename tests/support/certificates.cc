#include "tests/support/certificates.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <stdlib.h>

namespace millrace::testing {

Certificates::Certificates() {
    std::string made = (std::filesystem::temp_directory_path() / "millrace-tls-XXXXXX").string();
    if (::mkdtemp(made.data()) == nullptr) throw std::runtime_error("cannot make " + made);
    directory_ = made;
    std::ofstream(file("server.ext")) << "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Test Authority' "
        "-keyout ca.key -out ca.pem");
}

Certificates::~Certificates() {
    std::filesystem::remove_all(directory_);
}

void Certificates::issue(const std::string& name, const std::string& common_name) const {
    openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -utf8 -subj '/O=Millrace/CN=" +
            common_name + "' -keyout " + name + ".key -out " + name + ".csr");
    openssl("x509 -req -in " + name +
            ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext "
            "-out " +
            name + ".pem");
}

void Certificates::openssl(const std::string& arguments) const {
    const std::string command = "cd '" + directory_.string() + "' && openssl " + arguments + " 2>openssl.log";
    if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

}  // namespace millrace::testing
