#include "train/illocution_reward.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"
#include "verify/turn_strategy.h"

namespace rlvr {
namespace {

// At once: those of a model decode together, those of an endpoint are a load on its server.
constexpr size_t kModelThreads = 128, kRemoteThreads = 16;
constexpr auto kPause = std::chrono::milliseconds(1);

// The policy's last segment; nullptr: an expert's response.
Segment* LastTurn(const Leaf& leaf, Tree* tree) {
  Segment* turn = nullptr;
  for (const int32_t i : tree->Path(leaf.segment)) {
    Segment& segment = tree->segments[static_cast<size_t>(i)];
    if (segment.author == Author::kPolicy) turn = &segment;
  }
  return turn;
}

// By the user.
std::vector<std::string> ToldIn(const Prompt& prompt) {
  std::vector<std::string> told;
  for (const auto& [role, text] : prompt.messages)
    if (role == "user") told.push_back(text);
  return told;
}

std::string RequestOf(const Prompt& prompt) {
  return fmt::format("{}", fmt::join(ToldIn(prompt), "\n"));
}

// Calls task(0) ... task(n - 1) on threads, while this one lets the models answer that they wait for.
// Rethrows what a task throws.
void OnThreads(size_t n, size_t num_threads, AskedModels* models,
               const std::function<void(size_t)>& task) {
  std::atomic<size_t> next{0}, ended{0};
  std::mutex mutex;
  std::exception_ptr error;
  const auto stop = [&](std::exception_ptr why) {
    const std::lock_guard lock(mutex);
    if (!error) error = std::move(why);
    next = n;
  };
  std::vector<std::thread> threads;
  while (threads.size() < std::min(n, num_threads)) {
    threads.emplace_back([&] {
      for (size_t i; (i = next++) < n;) {
        try {
          task(i);
        } catch (...) {
          stop(std::current_exception());
        }
      }
      ++ended;
    });
  }
  bool stopped = false;
  for (int64_t before = 0; ended < threads.size();) {
    std::this_thread::sleep_for(kPause);
    if (InterruptRequested() && !stopped) {
      stopped = true;
      stop(std::make_exception_ptr(Interrupted("stopped while strategies were judged")));
    }
    if (models == nullptr) continue;
    const int64_t waiting = models->num_waiting();
    if (stopped) {
      models->Refuse();
    } else if (waiting > 0 && waiting == before) {  // nobody else is about to ask
      try {
        models->Answer();
      } catch (...) {
        stopped = true;
        stop(std::current_exception());
      }
    }
    before = waiting;
  }
  for (std::thread& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
}

// One response and what the judge makes of it.
struct AskedResponse {
  size_t tree = 0;
  Leaf* leaf = nullptr;
  Segment* turn = nullptr;
  TurnToRead question;
  JudgedReading read;
  std::optional<ConversationFailed> failure;
};

}  // namespace

std::vector<JudgedResponses> JudgeResponses(const TurnReader& judge, AskedModels* models,
                                            const IllocutionSettings& settings,
                                            const Tokenizer& tokenizer, const std::string& place,
                                            std::span<const Prompt> prompts,
                                            std::span<const RandomKey> keys,
                                            std::span<Tree> trees) {
  std::vector<AskedResponse> responses;
  for (size_t t = 0; t < trees.size(); ++t) {
    const PromptIllocution label = IllocutionOf(prompts[t].extra_info, place);
    if (!settings.on() && !label.given) continue;
    for (Leaf& leaf : trees[t].leaves) {
      AskedResponse response{.tree = t, .leaf = &leaf, .turn = LastTurn(leaf, &trees[t])};
      if (response.turn == nullptr) continue;
      const std::string request = RequestOf(prompts[t]);
      response.question = {.text = tokenizer.Decode(trees[t].ResponseTokens(leaf), true),
                           .request = request,
                           .intent = request,
                           .shards = label.missing,
                           .key = keys[t][static_cast<uint64_t>(response.turn->sample)]};
      responses.push_back(std::move(response));
    }
  }
  OnThreads(responses.size(), models != nullptr ? kModelThreads : kRemoteThreads, models,
            [&](size_t i) {
              try {
                responses[i].read = judge.read(responses[i].question);
              } catch (const ConversationFailed& failed) {
                responses[i].failure = failed;
              }
            });
  std::vector<JudgedResponses> all(trees.size());
  for (const AskedResponse& response : responses) {
    JudgedResponses& judged = all[response.tree];
    ++judged.asked;
    if (response.failure) {
      response.leaf->finish = Finish::kAborted;
      response.leaf->verdict = response.failure->verdict;
      if (judged.failed++ == 0) judged.first_failure = response.failure->what();
      continue;
    }
    response.turn->outcome.strategy = response.read.reading.strategy;
    judged.faulty += response.read.faulty ? 1 : 0;
  }
  return all;
}

void ApplyIllocution(const IllocutionSettings& settings, const Tokenizer& tokenizer,
                     const Prompt& prompt, const std::string& place, Tree* tree) {
  const PromptIllocution label = IllocutionOf(prompt.extra_info, place);
  if (!settings.on() && !label.given) return;
  const std::vector<std::string> told = ToldIn(prompt);
  const std::string request = RequestOf(prompt);
  for (Leaf& leaf : tree->leaves) {
    Segment* turn = LastTurn(leaf, tree);
    // A turn of a conversation has its label from the environment, which has judged it.
    if (turn == nullptr || turn->outcome.illocution != Illocution::kUnknown) continue;
    const std::string text = tokenizer.Decode(tree->ResponseTokens(leaf), true);
    TurnOutcome& outcome = turn->outcome;
    outcome.illocution = label.illocution;
    if (outcome.strategy == TurnStrategy::kUnknown) outcome.strategy = ClassifyTurn(text, request);
    const bool right = leaf.verdict == Verdict::kRight;
    outcome.right = right && outcome.strategy == TurnStrategy::kAnswerAttempt &&
                    label.illocution == Illocution::kSpecified;
    if (settings.on() && (right || leaf.verdict == Verdict::kWrong)) {
      const bool names = !settings.clarify_requires_missing ||
                         NamesMissing(text, told, label.missing, settings.tau);
      leaf.score = static_cast<float>(
          IllocutionReward(settings, label.illocution, outcome.strategy, right, names));
      leaf.verdict = MeetsIllocution(settings, label.illocution, outcome.strategy, right, names)
                         ? Verdict::kRight
                         : Verdict::kWrong;
      leaf.reward = leaf.score;
    }
  }
}

}  // namespace rlvr
