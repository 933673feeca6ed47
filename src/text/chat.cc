#include "text/chat.h"

namespace rlvr {

std::string RenderChatMl(const std::vector<Message>& messages, bool add_generation_prompt) {
  std::string text;
  for (const auto& m : messages)
    text += "<|im_start|>" + m.role + "\n" + m.content + "<|im_end|>\n";
  if (add_generation_prompt) text += "<|im_start|>assistant\n";
  return text;
}

std::string ChatMlTemplate() {
  return "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
         "message['content'] + "
         "'<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ "
         "'<|im_start|>assistant\\n' }}"
         "{% endif %}";
}

}  // namespace rlvr
