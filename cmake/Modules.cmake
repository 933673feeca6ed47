# One static library per folder of src/, one test program per folder that has *_test.cc files.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(Protobuf REQUIRED)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(SNAPPY REQUIRED IMPORTED_TARGET snappy)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
find_library(RLVR_FLINT flint REQUIRED)  # Debian's FLINT and Arb have no pkg-config files
find_library(RLVR_ARB NAMES flint-arb arb REQUIRED)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
find_library(CLD2 cld2 REQUIRED)
pkg_check_modules(MPI REQUIRED IMPORTED_TARGET ompi-c)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)

if(RLVR_BUILD_TESTS)
  find_package(GTest REQUIRED)
  enable_testing()
endif()

set(rlvr_computing base tensor text model rollout)

# External libraries each folder links.
set(rlvr_base_libs Threads::Threads fmt::fmt nlohmann_json::nlohmann_json yaml-cpp PkgConfig::XXHASH)
set(rlvr_tensor_libs PkgConfig::HWY)
set(rlvr_text_libs PkgConfig::PCRE2 PkgConfig::UTF8PROC)
set(rlvr_data_libs PkgConfig::SNAPPY PkgConfig::ZSTD PkgConfig::ZLIB)
set(rlvr_verify_libs PkgConfig::PCRE2 PkgConfig::UTF8PROC PkgConfig::SECCOMP ${CLD2} ${RLVR_ARB} ${RLVR_FLINT} gmp
    ${CMAKE_DL_LIBS})
set(rlvr_env_libs PkgConfig::CURL)
set(rlvr_train_libs protobuf::libprotobuf PkgConfig::ISAL)
set(rlvr_serve_libs PkgConfig::HTTPLIB)
set(rlvr_cli_libs CLI11::CLI11)

function(rlvr_tests name)
  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*_test.cc
       ${CMAKE_SOURCE_DIR}/src/${name}/*/*_test.cc)
  if(NOT RLVR_BUILD_TESTS OR NOT tests)
    return()
  endif()
  add_executable(rlvr_${name}_test ${tests})
  # Tests of one folder may give their own small functions the same name.
  set_target_properties(rlvr_${name}_test PROPERTIES UNITY_BUILD OFF)
  # What they test is optimised; optimising the tests would only take time.
  target_compile_options(rlvr_${name}_test PRIVATE -O0)
  target_link_libraries(rlvr_${name}_test PRIVATE rlvr_${name} GTest::gtest_main)
  if(name STREQUAL base)  # GoogleTest's header is a third of what compiling a test takes
    target_precompile_headers(rlvr_base_test PRIVATE <gtest/gtest.h>)
  else()
    target_precompile_headers(rlvr_${name}_test REUSE_FROM rlvr_base_test)
  endif()
  target_compile_definitions(rlvr_${name}_test PRIVATE RLVR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  # One process a folder, with a temporary folder of its own: tests of one folder share names of files.
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/tmp/${name})
  add_test(NAME ${name} COMMAND rlvr_${name}_test --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT 600
                       ENVIRONMENT TEST_TMPDIR=${CMAKE_BINARY_DIR}/tmp/${name})
endfunction()

function(rlvr_module name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc
       ${CMAKE_SOURCE_DIR}/src/${name}/*/*.cc)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  if(NOT sources)
    set(sources ${CMAKE_SOURCE_DIR}/cmake/empty.cc)
  endif()
  add_library(rlvr_${name} STATIC ${sources})
  target_include_directories(rlvr_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  # Sanitizers make compiling slow, and most folders compute little.
  if(RLVR_SANITIZE AND NOT name IN_LIST rlvr_computing)
    target_compile_options(rlvr_${name} PRIVATE -O0)
  endif()
  if(name STREQUAL tensor)  # Highway compiles such a file once for each instruction set
    set_target_properties(rlvr_tensor PROPERTIES UNITY_BUILD OFF)
  endif()
  foreach(dependency ${ARGN})
    target_link_libraries(rlvr_${name} PUBLIC rlvr_${dependency})
  endforeach()
  target_link_libraries(rlvr_${name} PUBLIC ${rlvr_${name}_libs})
  # Where recipes/ and models/ stand when the working directory has none.
  target_compile_definitions(rlvr_${name} PRIVATE RLVR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  rlvr_tests(${name})
endfunction()

# TensorBoard's events from src/NAME/events.proto, and what a run's folder records of the build.
function(rlvr_events name)
  protobuf_generate(APPEND_PATH TARGET rlvr_${name} PROTOS ${CMAKE_SOURCE_DIR}/src/${name}/events.proto)
  target_include_directories(rlvr_${name} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
  execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse HEAD OUTPUT_VARIABLE commit
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  target_compile_definitions(rlvr_${name} PRIVATE RLVR_VERSION="${PROJECT_VERSION}"
                             RLVR_GIT_COMMIT="${commit}")
endfunction()

# The command line: src/cli is a library (so that it can be tested) plus main.cc.
function(rlvr_program program name)
  rlvr_module(${name} ${ARGN})
  add_executable(${program} ${CMAKE_SOURCE_DIR}/cmake/main.cc)
  target_link_libraries(${program} PRIVATE rlvr_${name})
endfunction()
