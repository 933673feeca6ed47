// The step loop. Read: recipe.h (all settings), trainer.h (one RL step on one screen), update.h
// (coefficients -> gradients -> weights), checkpoint.h, metrics.h, supervised.h (pretrain and sft).
#ifndef RLVR_TRAIN_TRAIN_H_
#define RLVR_TRAIN_TRAIN_H_
#include "train/checkpoint.h"  // IWYU pragma: export
#include "train/metrics.h"     // IWYU pragma: export
#include "train/recipe.h"      // IWYU pragma: export
#include "train/supervised.h"  // IWYU pragma: export
#include "train/trainer.h"     // IWYU pragma: export
#include "train/update.h"      // IWYU pragma: export
#endif                         // RLVR_TRAIN_TRAIN_H_
