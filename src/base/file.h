// Files: whole reads, memory maps, and writes that either happen or leave the old file alone.
// All throw Error naming the path and what the system said.
#ifndef RLVR_BASE_FILE_H_
#define RLVR_BASE_FILE_H_
#include <cstdint>
#include <string>
#include <string_view>

namespace rlvr {

std::string ReadFile(const std::string& path);

// Writes to path + ".part", syncs, renames. On any failure (a full disk) removes the part and
// throws; what stood at `path` is untouched.
void WriteFileAtomically(const std::string& path, std::string_view content);

// Makes the directory and its parents.
void MakeDirectories(const std::string& path);
void SyncDirectory(const std::string& path);

// 64-bit XXH3 of the bytes, as 16 hex digits: a check against damage, not against forgery.
std::string Checksum(std::string_view bytes);

// A read-only memory map of a whole file. Moves, does not copy.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  std::string_view bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace rlvr
#endif  // RLVR_BASE_FILE_H_
