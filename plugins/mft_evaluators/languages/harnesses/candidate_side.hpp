// Answers calls of one function. Nothing in this process is believed.
#pragma once
#include "plain_values.hpp"

namespace mft {

template <class... T>
struct Types {};

template <class Function, class... Arguments>
std::string run(Function function, Reader &, Types<>, Arguments &...arguments) {
    std::string reply;
    auto result = function(arguments...);
    Form<decltype(result)>::put(reply, result);
    return reply;
}

template <class Function, class Next, class... Rest, class... Arguments>
std::string run(Function function, Reader &request, Types<Next, Rest...>, Arguments &...arguments) {
    Next value = Form<Next>::take(request);
    return run(function, request, Types<Rest...>(), arguments..., value);
}

template <class Result, class... Parameters>
int serve(Result (*function)(Parameters...)) {
    std::string request;
    while (receive(5, request)) {
        Reader reader(request);
        if (!send(6, run(function, reader, Types<typename std::decay<Parameters>::type...>()))) return 1;
    }
    return 0;
}

}  // namespace mft
