#include "train/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "model/hf_folder.h"
#include "model/peft_folder.h"
#include "model/safetensors.h"
#include "train/run_folder.h"

namespace rlvr {
namespace {

namespace fs = std::filesystem;

std::string CheckpointsFolder(const std::string& run_folder) { return run_folder + "/checkpoints"; }

// Files of a folder and those below it, relative, sorted.
std::vector<std::string> FilesBelow(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(fs::relative(entry.path(), folder).string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void CopyTokenizer(const std::string& from, const std::string& to) {
  static constexpr std::array kFiles = {"tokenizer.json",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "added_tokens.json",
                                        "vocab.json",
                                        "merges.txt",
                                        "chat_template.jinja"};
  for (const char* file : kFiles) {
    const std::string path = from + "/" + file;
    if (fs::exists(path)) WriteFileAtomically(to + "/" + file, ReadFile(path));
  }
}

std::string_view Bytes(const float* data, int64_t n) {
  return {reinterpret_cast<const char*>(data), static_cast<size_t>(n) * sizeof(float)};
}

void WriteMoments(const std::string& path, const Model& model, const Optimizer& optimizer) {
  std::vector<TensorToWrite> tensors;
  for (const auto& [prefix, moments] :
       {std::pair("m.", &optimizer.m), std::pair("v.", &optimizer.v)}) {
    for (const Parameter& p : *model.trainable().parameters) {
      tensors.push_back(
          {prefix + p.name, DType::kF32, p.shape, Bytes(moments->data() + p.offset, p.size())});
    }
  }
  WriteSafetensors(path, tensors, {});
}

void WriteContents(const std::string& folder, const Progression& progression, const Model& model,
                   const Optimizer& optimizer, const std::string& tokenizer_folder,
                   const std::vector<SecondModel>& others) {
  MakeDirectories(folder + "/hf");
  if (model.lora()) {
    SaveAdapter(folder + "/hf", model, fs::absolute(tokenizer_folder).string(), DType::kF32);
  } else {
    SaveModel(folder + "/hf", model, DType::kF32);
  }
  CopyTokenizer(tokenizer_folder, folder + "/hf");
  WriteMoments(folder + "/trainer.safetensors", model, optimizer);
  nlohmann::json trainer = {{"step", progression.step},
                            {"state", progression.state.values},
                            {"position", progression.position},
                            {"optimizer_step", optimizer.step},
                            {"moments_from", optimizer.moments_from}};
  for (const SecondModel& other : others) {
    const std::string own = folder + "/" + other.name;
    MakeDirectories(own);
    SaveModel(own, *other.model, DType::kF32);
    if (other.optimizer == nullptr) continue;
    WriteMoments(own + "/trainer.safetensors", *other.model, *other.optimizer);
    trainer["optimizer_steps"][other.name] = other.optimizer->step;
  }
  for (const auto& [name, bytes] : progression.files) {
    WriteFileAtomically(folder + "/" + name, bytes);
    trainer["files"].push_back(name);
  }
  WriteFileAtomically(folder + "/trainer.json", trainer.dump(2) + "\n");
  nlohmann::json checksums;
  for (const auto& file : FilesBelow(folder)) {
    checksums[file] = Checksum(MappedFile(folder + "/" + file).bytes());
  }
  WriteFileAtomically(folder + "/checksums.json", checksums.dump(2) + "\n");
  SyncDirectory(folder + "/hf");
  for (const SecondModel& other : others) SyncDirectory(folder + "/" + other.name);
  SyncDirectory(folder);
}

// A checkpoint that cannot be used: names the newest other one and how to go on from it.
[[noreturn]] void Damaged(const std::string& run_folder, int64_t step, const std::string& path,
                          const std::string& what) {
  const auto steps = ListCheckpoints(run_folder);
  std::string remedy = "no other checkpoint is left: delete " + CheckpointsFolder(run_folder) +
                       " and resume, to train again from the start";
  for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
    if (*it == step) continue;
    remedy = fmt::format("use {0} instead: echo {0} > {1}/latest, then resume", StepName(*it),
                         CheckpointsFolder(run_folder));
    break;
  }
  throw Error(path, what, remedy);
}

}  // namespace

std::string CheckpointFolder(const std::string& run_folder, int64_t step) {
  return CheckpointsFolder(run_folder) + "/" + StepName(step);
}

std::vector<int64_t> ListCheckpoints(const std::string& run_folder) {
  std::vector<int64_t> steps;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(CheckpointsFolder(run_folder), error)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("step_", 0) != 0 || name.find_first_not_of("0123456789", 5) != std::string::npos)
      continue;
    if (name.size() > 5 && entry.is_directory()) steps.push_back(std::stoll(name.substr(5)));
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

int64_t LatestCheckpoint(const std::string& run_folder) {
  const std::string path = CheckpointsFolder(run_folder) + "/latest";
  if (!fs::exists(path)) return -1;
  std::string name = ReadFile(path);
  while (!name.empty() && (name.back() == '\n' || name.back() == ' ')) name.pop_back();
  for (const int64_t step : ListCheckpoints(run_folder)) {
    if (StepName(step) == name) return step;
  }
  Damaged(run_folder, -1, path, "names '" + name + "', which is not there");
}

void SaveCheckpoint(const std::string& run_folder, const Progression& progression,
                    const Model& model, const Optimizer& optimizer,
                    const std::string& tokenizer_folder, int keep,
                    const std::vector<SecondModel>& others) {
  const std::string folder = CheckpointFolder(run_folder, progression.step),
                    part = folder + ".part";
  const std::string parent = CheckpointsFolder(run_folder);
  MakeDirectories(parent);
  for (const auto& entry :
       fs::directory_iterator(parent)) {  // what a killed process left half done
    if (entry.path().extension() == ".part") fs::remove_all(entry.path());
  }
  std::error_code error;
  try {
    WriteContents(part, progression, model, optimizer, tokenizer_folder, others);
    fs::remove_all(folder);  // of an earlier try that `latest` never named, or the same state again
    fs::rename(part, folder);
  } catch (...) {
    fs::remove_all(part, error);
    throw;
  }
  SyncDirectory(parent);
  WriteFileAtomically(parent + "/latest", StepName(progression.step) + "\n");
  const auto steps = ListCheckpoints(run_folder);
  for (size_t i = 0; i + static_cast<size_t>(keep) < steps.size(); ++i) {
    if (steps[i] != progression.step) fs::remove_all(CheckpointFolder(run_folder, steps[i]), error);
  }
}

Progression LoadCheckpoint(const std::string& run_folder, int64_t step, Model* model,
                           Optimizer* optimizer, const std::vector<SecondModel>& others) {
  const std::string folder = CheckpointFolder(run_folder, step);
  const auto read_json = [&](const std::string& path) {
    if (!fs::exists(path)) Damaged(run_folder, step, path, "is missing");
    const auto json = nlohmann::json::parse(ReadFile(path), nullptr, false);
    if (!json.is_object()) Damaged(run_folder, step, path, "is damaged");
    return json;
  };
  const auto checksums = read_json(folder + "/checksums.json");
  for (const auto& [file, sum] : checksums.items()) {
    const std::string path = folder + "/" + file;
    if (!fs::exists(path)) Damaged(run_folder, step, path, "is missing");
    if (Checksum(MappedFile(path).bytes()) != sum) {
      Damaged(run_folder, step, path, "is damaged: its checksum is not the recorded one");
    }
  }
  const auto load = [&](const std::string& weights, const std::string& moments_path, Model* to,
                        Optimizer* moments_to) {
    if (to->lora()) {
      LoadAdapter(weights, to);
    } else {
      LoadWeights(weights, to);
    }
    to->WeightsChanged(/*for_training=*/moments_to != nullptr);
    if (moments_to == nullptr) return;
    if (!fs::exists(moments_path)) Damaged(run_folder, step, moments_path, "is missing");
    const SafetensorsFile moments(moments_path);
    FillZero(&moments_to->m);
    FillZero(&moments_to->v);
    for (const Parameter& p : *to->trainable().parameters) {
      for (const auto& [prefix, out] :
           {std::pair("m.", &moments_to->m), std::pair("v.", &moments_to->v)}) {
        const auto it = moments.tensors().find(prefix + p.name);
        if (it == moments.tensors().end() || it->second.shape != p.shape) {
          Damaged(run_folder, step, moments_path, "does not fit the model at " + p.name);
        }
        moments.ReadFloats(prefix + p.name, out->data() + p.offset);
      }
    }
  };
  load(folder + "/hf", folder + "/trainer.safetensors", model, optimizer);
  for (const SecondModel& other : others) {
    const std::string own = folder + "/" + other.name;
    load(own, own + "/trainer.safetensors", other.model, other.optimizer);
  }
  const auto trainer = read_json(folder + "/trainer.json");
  optimizer->step = trainer.at("optimizer_step").get<int64_t>();
  optimizer->moments_from = trainer.at("moments_from").get<int64_t>();
  for (const SecondModel& other : others) {
    if (other.optimizer == nullptr) continue;
    other.optimizer->step = trainer.at("optimizer_steps").at(other.name).get<int64_t>();
  }
  Progression at;
  for (const auto& name : trainer.value("files", std::vector<std::string>()))
    at.files[name] = ReadFile(folder + "/" + name);
  at.step = trainer.at("step").get<int64_t>();
  at.position = trainer.at("position").get<int64_t>();
  at.state.values = trainer.at("state").get<std::map<std::string, std::vector<double>>>();
  return at;
}

void ExportModel(const std::string& folder, const Model& model,
                 const std::string& tokenizer_folder) {
  MakeDirectories(folder);
  if (model.lora() && !model.lora()->settings().merge) {
    SaveAdapter(folder, model, fs::absolute(tokenizer_folder).string(), DType::kF32);
  } else {
    SaveModel(folder, model, DType::kBf16);
  }
  CopyTokenizer(tokenizer_folder, folder);
}

}  // namespace rlvr
