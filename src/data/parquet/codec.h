// The codecs of Parquet's pages, and gzip files.
#ifndef RLVR_DATA_PARQUET_CODEC_H_
#define RLVR_DATA_PARQUET_CODEC_H_
#include <cstdint>
#include <string>
#include <string_view>

namespace rlvr::parquet {

// `bytes` decompressed, which must be exactly `size` bytes. An Error at `place` for damaged bytes and
// for codecs other than Snappy, gzip and Zstd.
std::string Decompress(int64_t codec, std::string_view bytes, int64_t size,
                       const std::string& place);
// CRC-32 as gzip and Parquet's page headers have it.
uint32_t Crc32(std::string_view bytes);

}  // namespace rlvr::parquet

namespace rlvr {
// A .gz file's content, of all its members; at most `limit` bytes.
std::string Gunzip(std::string_view bytes, int64_t limit, const std::string& place);
}  // namespace rlvr
#endif  // RLVR_DATA_PARQUET_CODEC_H_
