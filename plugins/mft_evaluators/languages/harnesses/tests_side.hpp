// Calls the candidate's function in its own process, and says on descriptor 3 what became of the tests.
#pragma once
#include "plain_values.hpp"
#include <signal.h>
#include <stdlib.h>

namespace mft {

// Ends this process with a pair of strings, such as ("fail", "why"), as its last word.
[[noreturn]] inline void finish(const char *verdict, const std::string &why) {
    std::string told;
    for (char letter : why.substr(0, 1000)) told += letter < ' ' || letter > '~' || strchr("\"\\", letter) ? '?' : letter;
    write_all(3, std::string("(\"") + verdict + "\", \"" + told + "\")");
    _exit(0);
}

template <class Result, class... Arguments>
Result call(const Arguments &...arguments) {
    std::string request, reply;
    try {
        int in_order[] = {0, (Form<Arguments>::put(request, arguments), 0)...};
        (void)in_order;
    } catch (Unreadable) {
        finish("cannot_cross", "the tests give the candidate a value without a plain form");
    }
    if (!send(5, request) || !receive(6, reply)) finish("ended", "it has ended");
    try {
        Reader reader(reply);
        Result result = Form<Result>::take(reader);
        if (!reader.left()) return result;
    } catch (Unreadable) {
    }
    finish("ended", "it wrote no value of the type that it should return");
}

// The tests have come to their end when their main function has.
static const struct Verdict {
    Verdict() {
        signal(SIGPIPE, SIG_IGN);
        on_exit([](int status, void *) { if (!status) finish("pass", ""); }, nullptr);
    }
} verdict;

}  // namespace mft

extern "C" [[noreturn]] void __assert_fail(const char *assertion, const char *, unsigned line, const char *) noexcept {
    mft::finish("fail", "the assertion does not hold: " + std::string(assertion));
}
