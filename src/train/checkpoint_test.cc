#include "train/checkpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>

#include "base/error.h"
#include "train/tiny_model_test.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(run() + "/tokenizer.json") << "{}";
    for (int64_t i = 0; i < optimizer_.m.size(); ++i) {
      optimizer_.m[i] = model_->weights()[i] * 0.5f;
      optimizer_.v[i] = static_cast<float>(i) * 1e-7f;
    }
    optimizer_.step = 17;
  }
  const std::string& run() const { return folder_.path(); }
  void Save(int64_t step, int keep = 2) {
    SaveCheckpoint(run(), {.step = step, .position = step * 3, .state = state_}, *model_,
                   optimizer_, run(), keep);
  }
  std::string ErrorOfLoad(int64_t step) {
    auto model = TinyModel(config_, ComputeType::kFp32, 99);
    Optimizer optimizer(*model);
    try {
      LoadCheckpoint(run(), step, model.get(), &optimizer);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }

  TempFolder folder_;
  const RunState state_{{{"controller/regularizer.kl.beta", {1 / 3.0}}, {"replay", {}}}};
  ModelConfig config_ = TinyConfig(20);
  std::unique_ptr<Model> model_ = TinyModel(config_, ComputeType::kFp32, 1);
  Optimizer optimizer_{*model_};
};

TEST_F(CheckpointTest, LoadsTheSameBits) {
  Save(4);
  EXPECT_EQ(LatestCheckpoint(run()), 4);
  auto model = TinyModel(config_, ComputeType::kFp32, 99);
  Optimizer optimizer(*model);
  const Progression at = LoadCheckpoint(run(), 4, model.get(), &optimizer);
  EXPECT_EQ(at.step, 4);
  EXPECT_EQ(at.position, 12);
  EXPECT_EQ(optimizer.step, 17);
  EXPECT_EQ(at.state.values, state_.values);
  for (const Parameter& p : model->layout().parameters) {
    const auto bytes = static_cast<size_t>(p.size()) * sizeof(float);
    EXPECT_EQ(std::memcmp(model->weights() + p.offset, model_->weights() + p.offset, bytes), 0)
        << p.name;
    EXPECT_EQ(std::memcmp(optimizer.m.data() + p.offset, optimizer_.m.data() + p.offset, bytes), 0)
        << p.name;
    EXPECT_EQ(std::memcmp(optimizer.v.data() + p.offset, optimizer_.v.data() + p.offset, bytes), 0)
        << p.name;
  }
  EXPECT_TRUE(fs::exists(CheckpointFolder(run(), 4) + "/hf/tokenizer.json"));
}

TEST_F(CheckpointTest, DamageInAnyFileNamesItAndTheOtherCheckpoint) {
  Save(4);
  Save(8);
  const std::string folder = CheckpointFolder(run(), 8);
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const std::string path = entry.path().string(), whole = ReadFile(path);
    std::string damaged = whole;
    damaged[damaged.size() / 2] ^= 1;
    std::ofstream(path, std::ios::binary) << damaged;
    const std::string error = ErrorOfLoad(8);
    // A changed bit in checksums.json shows at the file that it belongs to.
    if (entry.path().filename() != "checksums.json") {
      EXPECT_NE(error.find(path), std::string::npos) << error;
    }
    EXPECT_NE(error.find("step_000004"), std::string::npos) << path << ": " << error;
    fs::remove(path);
    EXPECT_NE(ErrorOfLoad(8).find("missing"), std::string::npos) << path;
    std::ofstream(path, std::ios::binary) << whole;
  }
  EXPECT_EQ(
      files,
      7);  // hf: config, generation_config, model, tokenizer; moments, trainer.json, checksums
  EXPECT_EQ(ErrorOfLoad(8), "");
  fs::remove_all(folder);
  try {
    LatestCheckpoint(run());
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("step_000004"), std::string::npos) << e.what();
  }
}

TEST_F(CheckpointTest, KeepsTheNewestAndClearsWhatAKillLeft) {
  EXPECT_EQ(LatestCheckpoint(run()), -1);
  for (const int64_t step : {2, 4, 6, 8}) {
    fs::create_directories(run() + "/checkpoints/step_000001.part/hf");
    Save(step, 2);
  }
  EXPECT_EQ(ListCheckpoints(run()), (std::vector<int64_t>{6, 8}));
  EXPECT_FALSE(fs::exists(run() + "/checkpoints/step_000001.part"));
  Save(8, 2);  // the same state again is no error
  EXPECT_EQ(ErrorOfLoad(8), "");
}

TEST_F(CheckpointTest, AFullDiskLeavesTheOlderOne) {
  Save(4);
  // A file size limit fails writes as a full disk does.
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small = {.rlim_cur = 4096, .rlim_max = old.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string error;
  try {
    Save(8);
  } catch (const Error& e) {
    error = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_NE(error.find("step_000008.part"), std::string::npos) << error;
  EXPECT_FALSE(fs::exists(CheckpointFolder(run(), 8) + ".part"));
  EXPECT_EQ(LatestCheckpoint(run()), 4);
  EXPECT_EQ(ErrorOfLoad(4), "");
}

}  // namespace
}  // namespace rlvr
