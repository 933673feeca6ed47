#include "verify/math/graders.h"

namespace rlvr::math {

const std::vector<Grader>& Graders() {
  static const std::vector<Grader> list = {
      {"areal_geometry3k", "as math_verify, on what stands in the last [ ] of the response",
       "inclusionAI/AReaL", ArealGeometry3k},
      {"areal_gsm8k", "as math_verify", "inclusionAI/AReaL", MathVerify},
      {"dapo_minerva",
       "what follows the last \"Answer:\" in the last 300 characters, as text after DAPO's "
       "normalisation",
       "arXiv:2503.14476", DapoMinerva},
      {"dapo_strict_box", "\\boxed{} in the last 100 characters, the same text as the gold",
       "arXiv:2503.14476", DapoStrictBox},
      {"deepscaler", "the last \\boxed{} behind </think>, by mathd or prm800k_sympy",
       "agentica-project/rllm", Deepscaler},
      {"gsm8k", "the number behind the last ####", "arXiv:2110.14168", Gsm8k},
      {"gsm8k_flexible", "the last number of the response", "arXiv:2110.14168", Gsm8kFlexible},
      {"hendrycks_is_equiv", "the answer alone, as text after MATH's normalisation",
       "arXiv:2103.03874", HendrycksIsEquiv},
      {"lighteval_extractive", "as math_verify; multiple choice and other languages by options",
       "huggingface/lighteval", MathVerify},
      {"math_verify",
       "the final formula or number, equal as mathematics; recommended for LaTeX answers",
       "huggingface/Math-Verify", MathVerify},
      {"mathd", "the answer alone, as text without \\text{} and after MATH's normalisation",
       "arXiv:2103.03874", Mathd},
      {"multiple_choice", "the letter that the response chooses", "", MultipleChoice},
      {"nemo_rl_math", "as math_verify; the gold is read as \\boxed{}", "NVIDIA-NeMo/RL",
       NemoRlMath},
      {"prm800k_sympy", "the answer alone, equal as mathematics; fractions must be reduced",
       "openai/prm800k", Prm800kSympy},
      {"qwen_math_equal",
       "the answer alone, equal as text, as numbers within 1e-4 or as mathematics",
       "QwenLM/Qwen2.5-Math", QwenMathEqual},
      {"trl_accuracy", "as math_verify, from \\boxed{} or behind \"answer\" only",
       "huggingface/trl", TrlAccuracy},
      {"trl_reasoning_accuracy", "as trl_accuracy, behind </think>", "huggingface/trl",
       TrlReasoningAccuracy},
      {"verl_boxed", "the last \\boxed{}, as text after MATH's normalisation", "volcengine/verl",
       VerlBoxed},
  };
  return list;
}

}  // namespace rlvr::math
