#include "verify/sandbox/shown_files.h"

#include <filesystem>
#include <set>

#include "base/error.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOutside = "/.outside";

// Folders on the way to a path, once each.
void AddParents(const std::string& path, std::set<std::string>* made, std::vector<LaunchEntry>* e) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (made->insert(folder).second) e->push_back({LaunchEntry::Kind::kFolder, folder});
  }
}

// A file or folder of this machine, seen at the same path.
void AddShown(const std::string& path, std::set<std::string>* made, std::vector<LaunchEntry>* e) {
  std::error_code code;
  if (fs::is_symlink(path, code)) {
    AddParents(path, made, e);
    e->push_back({LaunchEntry::Kind::kLink, path, fs::read_symlink(path, code).string()});
    return;
  }
  if (!fs::exists(path, code) || !made->insert(path).second) return;
  AddParents(path, made, e);
  e->push_back({LaunchEntry::Kind::kBind, path, kOutside + path, !fs::is_directory(path, code)});
}

}  // namespace

std::vector<LaunchEntry> SandboxFileSystem(const std::vector<std::string>& read_only) {
  std::vector<LaunchEntry> entries;
  std::set<std::string> made = {"/etc", "/dev"};
  for (const char* path : {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"})
    AddShown(path, &made, &entries);
  entries.push_back({LaunchEntry::Kind::kFolder, "/etc"});
  for (const char* path : {"/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime"})
    AddShown(path, &made, &entries);
  entries.push_back(
      {LaunchEntry::Kind::kText, "/etc/passwd", "sandbox:x:1000:1000::/box:/bin/sh\n"});
  entries.push_back({LaunchEntry::Kind::kText, "/etc/group", "sandbox:x:1000:\n"});
  entries.push_back({LaunchEntry::Kind::kFolder, "/dev"});
  for (const char* name : {"null", "zero", "full", "random", "urandom"}) {
    const std::string path = std::string("/dev/") + name;
    entries.push_back({LaunchEntry::Kind::kDevice, path, kOutside + path, true});
  }
  entries.push_back({LaunchEntry::Kind::kLink, "/dev/fd", "/proc/self/fd"});
  entries.push_back({LaunchEntry::Kind::kLink, "/dev/stdin", "/proc/self/fd/0"});
  entries.push_back({LaunchEntry::Kind::kLink, "/dev/stdout", "/proc/self/fd/1"});
  entries.push_back({LaunchEntry::Kind::kLink, "/dev/stderr", "/proc/self/fd/2"});
  for (const std::string& path : read_only) {
    if (!path.starts_with('/') || path == "/" || path.starts_with("/proc") || !fs::exists(path)) {
      throw Error("sandbox.read_only: " + path, "there is no such file or folder",
                  "write absolute paths of what exists");
    }
    AddShown(fs::path(path).lexically_normal().string(), &made, &entries);
  }
  if (made.count("/tmp") == 0)
    entries.push_back({LaunchEntry::Kind::kLink, "/tmp", kSandboxFolder});
  return entries;
}

}  // namespace rlvr
