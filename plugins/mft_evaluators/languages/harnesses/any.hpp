// Stands for boost/any.hpp in HumanEval-X's problems 22 and 137, so that Boost need not be installed.
#pragma once
#include <memory>
#include <typeinfo>
#include <utility>

namespace boost {

struct bad_any_cast : std::bad_cast {
    const char *what() const noexcept override { return "boost::bad_any_cast: failed conversion using boost::any_cast"; }
};

class any {
    struct holder {
        virtual ~holder() {}
        virtual const std::type_info &type() const = 0;
        virtual holder *copy() const = 0;
    };
    template <typename T>
    struct held : holder {
        T value;
        explicit held(const T &given) : value(given) {}
        const std::type_info &type() const override { return typeid(T); }
        holder *copy() const override { return new held(value); }
    };
    std::unique_ptr<holder> content;
    template <typename T>
    friend T *any_cast(any *);

public:
    any() {}
    any(const any &other) : content(other.content ? other.content->copy() : nullptr) {}
    any(any &&other) : content(std::move(other.content)) {}
    template <typename T>
    any(const T &value) : content(new held<T>(value)) {}
    any &operator=(any other) { content.swap(other.content); return *this; }
    bool empty() const { return !content; }
    void clear() { content.reset(); }
    void swap(any &other) { content.swap(other.content); }
    const std::type_info &type() const { return content ? content->type() : typeid(void); }
};

template <typename T>
T *any_cast(any *operand) {
    if (!operand || operand->type() != typeid(T)) return nullptr;
    return &static_cast<any::held<T> *>(operand->content.get())->value;
}

template <typename T>
const T *any_cast(const any *operand) { return any_cast<T>(const_cast<any *>(operand)); }

template <typename T>
T any_cast(const any &operand) {
    const T *found = any_cast<T>(&operand);
    if (!found) throw bad_any_cast();
    return *found;
}

}  // namespace boost
