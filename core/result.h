// Errors as values: Result<T>, and the codes of this project.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace millrace {

template <class T>
using Result = boost::system::result<T>;
using boost::system::error_code;

/// What can go wrong on a path that input can reach. MQTT reason codes and HTTP statuses are types of their
/// own; each door maps these codes to them in one place.
enum class Errc {
    ok = 0,
    malformed,          ///< bytes that no rule of their format allows
    too_large,          ///< over a configured limit in bytes
    invalid_channel,    ///< not a legal topic name
    not_authorised,     ///< the authoriser said no
    overloaded,         ///< a bounded queue is full; try again
    store_unavailable,  ///< the store cannot be reached or refused the write
    not_found,
    closed,  ///< the other side, or we, closed it
    timed_out,
};

error_code make_error_code(Errc code);

}  // namespace millrace

template <>
struct boost::system::is_error_code_enum<millrace::Errc> : std::true_type {};
