#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <filesystem>

#include "base/error.h"

namespace rlvr {
namespace {

std::string RemedyFor(int error) {
  switch (error) {
    case ENOENT:
      return "check the path";
    case EACCES:
    case EPERM:
      return "check the permissions";
    case ENOSPC:
    case EDQUOT:
      return "free some disk space; nothing that was there before is lost";
    case EFBIG:
      return "raise the limit on the size of files (ulimit -f); nothing that was there before is "
             "lost";
    case EISDIR:
      return "a file is needed, this is a folder";
    default:
      return "see the system's message";
  }
}

[[noreturn]] void Throw(const std::string& path, const std::string& doing, int error) {
  throw Error(path, "cannot " + doing + ": " + strerror(error), RemedyFor(error));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int Close() {
    const int fd = fd_;
    fd_ = -1;
    return close(fd);
  }

 private:
  int fd_;
};

}  // namespace

std::string ReadFile(const std::string& path) {
  Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) Throw(path, "open", errno);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) Throw(path, "stat", errno);
  if (S_ISDIR(info.st_mode)) Throw(path, "read", EISDIR);
  std::string content;
  content.reserve(static_cast<size_t>(info.st_size));
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = read(fd.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) Throw(path, "read", errno);
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
  }
}

void WriteFileAtomically(const std::string& path, std::string_view content) {
  const std::string part = path + ".part";
  const auto fail = [&](const std::string& doing) {
    const int error = errno;
    unlink(part.c_str());
    Throw(path, doing, error);
  };
  Descriptor fd(open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (fd.get() < 0) Throw(path, "create", errno);
  while (!content.empty()) {
    const ssize_t n = write(fd.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write");
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (fsync(fd.get()) != 0) fail("sync");
  if (fd.Close() != 0) fail("close");
  if (rename(part.c_str(), path.c_str()) != 0) fail("rename");
  const std::string parent = std::filesystem::path(path).parent_path().string();
  SyncDirectory(parent.empty() ? "." : parent);
}

void MakeDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) Throw(path, "create the folder", error.value());
}

void SyncDirectory(const std::string& path) {
  Descriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) Throw(path, "open the folder", errno);
  if (fsync(fd.get()) != 0 && errno != EINVAL) Throw(path, "sync the folder", errno);
}

std::string Checksum(std::string_view bytes) {
  return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));
}

MappedFile::MappedFile(const std::string& path) : path_(path) {
  Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) Throw(path, "open", errno);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) Throw(path, "stat", errno);
  if (S_ISDIR(info.st_mode)) Throw(path, "read", EISDIR);
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) return;
  void* map = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (map == MAP_FAILED) Throw(path, "map", errno);
  data_ = static_cast<const char*>(map);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), data_(other.data_), size_(other.size_) {
  other.data_ = nullptr;
  other.size_ = 0;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
}

}  // namespace rlvr
