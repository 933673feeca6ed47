// Checkpoints: RUN/checkpoints/step_000050/ with hf/ (a Hugging Face folder in fp32, so that
// resuming is exact; of a model with adapters PEFT's folder of them), trainer.safetensors (moments), trainer.json (the rest), checksums.json. A
// checkpoint is written beside its final name, synced and renamed; `latest` names it only then. So
// whatever kills the process, `latest` names a whole checkpoint, and a full disk costs no older
// one.
#ifndef RLVR_TRAIN_CHECKPOINT_H_
#define RLVR_TRAIN_CHECKPOINT_H_
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/model.h"
#include "objective/stage.h"
#include "train/optimizer.h"

namespace rlvr {

// All of a run's state besides weights and moments.
struct Progression {
  int64_t step = 0;                          // training steps done
  int64_t position = 0;                      // prompts (or samples of text) drawn so far
  RunState state;                            // of methods and controllers
  std::map<std::string, std::string> files;  // bytes by name, such as the replay store's
};

// A model that changes beside the policy, such as a critic: in a subfolder of its own.
struct SecondModel {
  std::string name;  // "critic"
  Model* model = nullptr;
  Optimizer* optimizer = nullptr;  // null: not trained itself (a moving reference)
};

// tokenizer_folder: its tokenizer files are copied into hf/. Keeps the newest `keep` checkpoints.
void SaveCheckpoint(const std::string& run_folder, const Progression& progression,
                    const Model& model, const Optimizer& optimizer,
                    const std::string& tokenizer_folder, int keep,
                    const std::vector<SecondModel>& others = {});

// Verifies every checksum, then reads. A missing or damaged file throws Error naming it and the
// newest other checkpoint that is left. Calls WeightsChanged of every model.
Progression LoadCheckpoint(const std::string& run_folder, int64_t step, Model* model,
                           Optimizer* optimizer, const std::vector<SecondModel>& others = {});

// Steps of the checkpoints that are there, rising.
std::vector<int64_t> ListCheckpoints(const std::string& run_folder);
// What `latest` says; -1 without a checkpoint.
int64_t LatestCheckpoint(const std::string& run_folder);
std::string CheckpointFolder(const std::string& run_folder, int64_t step);

// config.json, generation_config.json, model.safetensors (bf16) and the tokenizer's files: what
// transformers and `rlvr` open. Adapters are merged, or where lora.merge is false written alone.
void ExportModel(const std::string& folder, const Model& model,
                 const std::string& tokenizer_folder);

}  // namespace rlvr
#endif  // RLVR_TRAIN_CHECKPOINT_H_
