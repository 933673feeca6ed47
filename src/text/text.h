// Bytes <-> tokens. Read tokenizer.h, then bpe_trainer.h and chat.h.
#ifndef RLVR_TEXT_TEXT_H_
#define RLVR_TEXT_TEXT_H_
#include "text/bpe_trainer.h"  // IWYU pragma: export
#include "text/chat.h"         // IWYU pragma: export
#include "text/tokenizer.h"    // IWYU pragma: export
#endif                         // RLVR_TEXT_TEXT_H_
