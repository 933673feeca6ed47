// Which commands and words of LaTeX and plain text are formatting, text or signs.
#ifndef RLVR_VERIFY_MATH_LEXER_TABLES_H_
#define RLVR_VERIFY_MATH_LEXER_TABLES_H_
#include <array>
#include <string_view>
#include <utility>

namespace rlvr::math {

// Commands that say how to set, not what.
inline constexpr std::array<std::string_view, 42> kFormatting = {
    "left",   "right",   "mleft",        "mright",    "big",      "Big",     "bigg",
    "Bigg",   "bigl",    "bigr",         "Bigl",      "Bigr",     "biggl",   "biggr",
    "Biggl",  "Biggr",   "displaystyle", "textstyle", "limits",   "quad",    "qquad",
    "hspace", "hfill",   "ldots",        "dots",      "cdots",    "dotsc",   "dotsb",
    "rm",     "bf",      "it",           "strut",     "nolimits", "middle",  "thinspace",
    "space",  "enspace", "scriptstyle",  "sf",        "tt",       "nobreak", "allowbreak"};
inline constexpr std::array<std::string_view, 19> kTextCommands = {
    "text",       "textbf", "textit",  "textrm",       "textnormal", "mathrm", "mathbf",
    "mathit",     "mbox",   "hbox",    "mathsf",       "mathtt",     "textsf", "texttt",
    "boldsymbol", "bm",     "mathcal", "operatorname", "mathscr"};
// Words of plain text that stand for a command.
inline constexpr std::array<std::string_view, 22> kWords = {
    "sqrt", "sin", "cos",   "tan",    "cot",    "sec",    "csc",      "log",
    "ln",   "exp", "pi",    "arcsin", "arccos", "arctan", "infinity", "infty",
    "gcd",  "lcm", "theta", "alpha",  "frac",   "inf"};
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 60> kUnicode = {{
    {"π", "pi"},      {"√", "sqrt"},     {"×", "times"},     {"÷", "div"},      {"−", "-"},
    {"–", "-"},       {"·", "cdot"},     {"⋅", "cdot"},      {"∞", "infty"},    {"≤", "le"},
    {"≥", "ge"},      {"≠", "ne"},       {"≈", "approx"},    {"∪", "cup"},      {"∩", "cap"},
    {"∈", "in"},      {"±", "pm"},       {"∓", "mp"},        {"°", "circ"},     {"∅", "emptyset"},
    {"α", "alpha"},   {"β", "beta"},     {"γ", "gamma"},     {"δ", "delta"},    {"Δ", "Delta"},
    {"ε", "epsilon"}, {"θ", "theta"},    {"λ", "lambda"},    {"μ", "mu"},       {"σ", "sigma"},
    {"τ", "tau"},     {"φ", "phi"},      {"ω", "omega"},     {"Ω", "Omega"},    {"ρ", "rho"},
    {"ℝ", "reals"},   {"ℤ", "integers"}, {"ℚ", "rationals"}, {"ℕ", "naturals"}, {"ℂ", "complexes"},
    {"∠", "angle"},   {"△", "triangle"}, {"∑", "sum"},       {"∫", "int"},      {"⟨", "langle"},
    {"⟩", "rangle"},  {"⌊", "lfloor"},   {"⌋", "rfloor"},    {"⌈", "lceil"},    {"⌉", "rceil"},
    {"²", "^2"},      {"³", "^3"},       {"½", "1/2"},       {"¼", "1/4"},      {"¾", "3/4"},
    {"′", "'"},       {"’", "'"},        {"Σ", "sum"},       {"∗", "*"},        {"\xc2\xa0", " "},
}};
inline constexpr std::string_view kMoney[] = {"€", "£", "¥", "₹", "₽", "₩", "₫", "฿", "₿"};

}  // namespace rlvr::math
#endif  // RLVR_VERIFY_MATH_LEXER_TABLES_H_
