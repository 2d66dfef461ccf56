# Every library the product links; all are Debian 12 packages (script/setup installs them).
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url program_options)
find_package(OpenSSL 3 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(PostgreSQL 15 REQUIRED)
find_package(SQLite3 REQUIRED)
