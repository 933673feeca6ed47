#include "data/parquet/codec.h"

#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "base/error.h"
#include "data/parquet/metadata.h"

namespace rlvr {
namespace {

// Members of gzip one after the other, until the input ends or more than `limit` bytes came out.
// False for damaged or cut input.
bool InflateMembers(std::string_view bytes, int64_t limit, std::string* out) {
  z_stream stream = {};
  if (inflateInit2(&stream, 15 + 32) != Z_OK) return false;  // gzip's or zlib's header
  size_t given = 0;
  int status = Z_OK;
  char buffer[1 << 16];
  while (static_cast<int64_t>(out->size()) <= limit) {
    if (stream.avail_in == 0) {
      const size_t more = std::min<size_t>(bytes.size() - given, size_t{1} << 30);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + given));
      stream.avail_in = static_cast<uInt>(more);
      given += more;
    }
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0) break;
      inflateReset(&stream);
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof(buffer);
    status = inflate(&stream, Z_NO_FLUSH);
    out->append(buffer, sizeof(buffer) - stream.avail_out);
    if (status != Z_OK && status != Z_STREAM_END) break;
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END;
}

}  // namespace

std::string Gunzip(std::string_view bytes, int64_t limit, const std::string& place) {
  std::string out;
  const bool whole = InflateMembers(bytes, limit, &out);
  if (static_cast<int64_t>(out.size()) > limit)
    throw Error(place, "unpacks to more than " + std::to_string(limit) + " bytes",
                "gunzip it first");
  if (!whole) throw Error(place, "is no whole gzip file", "pack it again");
  return out;
}

namespace parquet {

uint32_t Crc32(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string Decompress(int64_t codec, std::string_view bytes, int64_t size,
                       const std::string& place) {
  std::string out;
  bool ok = false;
  if (codec == kSnappy) {
    size_t length = 0;
    if (snappy::GetUncompressedLength(bytes.data(), bytes.size(), &length) &&
        length == static_cast<size_t>(size)) {
      out.resize(length);
      ok = snappy::RawUncompress(bytes.data(), bytes.size(), out.data());
    }
  } else if (codec == kZstd) {
    out.resize(static_cast<size_t>(size));
    ok = ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size()) ==
         static_cast<size_t>(size);
  } else if (codec == kGzip) {
    ok = InflateMembers(bytes, size, &out) && static_cast<int64_t>(out.size()) == size;
  } else {
    throw Error(place, "is compressed with " + CodecName(codec) + ", which is not read",
                "write the file with SNAPPY, ZSTD, GZIP or no compression");
  }
  if (!ok)
    throw Error(place, "damaged Parquet file: a page does not unpack with " + CodecName(codec),
                "write the file again");
  return out;
}

}  // namespace parquet
}  // namespace rlvr
