// Words that say what a sentence is about, to compare questions with conditions. No model.
#ifndef RLVR_VERIFY_CONTENT_WORDS_H_
#define RLVR_VERIFY_CONTENT_WORDS_H_
#include <string>
#include <string_view>
#include <vector>

namespace rlvr {

// Words that carry content and numbers, in lower case, without possessives and plain endings, in
// the order of the text.
std::vector<std::string> ContentWords(std::string_view text);
bool IsNumberWord(const std::string& word);  // of ContentWords

// Ends are . ! ? with white space or nothing behind, and line breaks.
std::vector<std::string> SentencesIn(std::string_view text);
// Those that end with a question mark.
std::vector<std::string> QuestionsIn(std::string_view text);

}  // namespace rlvr
#endif  // RLVR_VERIFY_CONTENT_WORDS_H_
