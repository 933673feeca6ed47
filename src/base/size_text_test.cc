#include "base/size_text.h"

#include <gtest/gtest.h>

namespace rlvr {
namespace {

TEST(SizeText, HandWorked) {
  EXPECT_EQ(SizeText(100 << 10), "100 KiB");
  EXPECT_EQ(SizeText(500 << 20), "500 MiB");
  EXPECT_EQ(SizeText(int64_t{3} << 29), "1.5 GiB");
}

TEST(ParseSize, HandWorked) {
  EXPECT_EQ(ParseSize("4096"), 4096);
  EXPECT_EQ(ParseSize("7b"), 7);
  for (const char* text :
       {"2GiB", "2gb", "2g", "2 GiB", "2Gi", "2048MiB", "2097152k", "0.001953125TiB"})
    EXPECT_EQ(ParseSize(text), int64_t{2} << 30) << text;
  EXPECT_EQ(ParseSize("1.5GiB"), int64_t{3} << 29);
  for (const char* text : {"", "GiB", "two GiB", "2GiB more", "2 GB/s", "-1GiB", "0", "0.5", "2bib",
                           "2i", "2kibb", "50%", "1e9", "nan", "inf", "99999999999999TiB"})
    EXPECT_EQ(ParseSize(text), std::nullopt) << text;
}

}  // namespace
}  // namespace rlvr
