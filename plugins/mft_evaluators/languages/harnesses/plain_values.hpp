// Values between the candidate's process and the tests', in the encoding of docs/sandbox.md. Both sides include this.
#pragma once
#include <boost/any.hpp>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <limits>
#include <list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mft {

static const size_t MOST_BYTES = 1 << 24;

// What was written is no value of the type that is wanted.
struct Unreadable {};

inline void put_number(std::string &out, uint64_t value, int bytes) {
    while (bytes--) out += (char)(value >> 8 * bytes);
}

// Takes values off the front of a message; never goes beyond its end.
class Reader {
    const std::string &content;
    size_t place;

public:
    explicit Reader(const std::string &message) : content(message), place(0) {}
    size_t left() const { return content.size() - place; }
    uint64_t number(int bytes) {
        if (left() < (size_t)bytes) throw Unreadable();
        uint64_t value = 0;
        while (bytes--) value = value << 8 | (unsigned char)content[place++];
        return value;
    }
    char peek() const {
        if (!left()) throw Unreadable();
        return content[place];
    }
    void kind(char expected) {
        if ((char)number(1) != expected) throw Unreadable();
    }
    // Every item takes a byte at least.
    size_t count() {
        size_t items = number(4);
        if (items > left()) throw Unreadable();
        return items;
    }
    std::string text() {
        size_t length = count();
        place += length;
        return content.substr(place - length, length);
    }
};

template <class T>
struct Form;

template <class T, char KIND>
struct Whole {
    static void put(std::string &out, T value) {
        out += KIND;
        put_number(out, (uint64_t)(int64_t)value, 8);
    }
    static T take(Reader &in) {
        in.kind(KIND);
        int64_t value = (int64_t)in.number(8);
        if (value < (int64_t)std::numeric_limits<T>::min() || value > (int64_t)std::numeric_limits<T>::max())
            throw Unreadable();
        return (T)value;
    }
};

template <class T, char KIND>
struct Floating {
    static void put(std::string &out, T value) {
        double wide = value;
        uint64_t bits;
        memcpy(&bits, &wide, 8);
        out += KIND;
        put_number(out, bits, 8);
    }
    static T take(Reader &in) {
        in.kind(KIND);
        uint64_t bits = in.number(8);
        double wide;
        memcpy(&wide, &bits, 8);
        return (T)wide;
    }
};

template <> struct Form<bool> : Whole<bool, 'b'> {};
template <> struct Form<char> : Whole<char, 'c'> {};
template <> struct Form<int> : Whole<int, 'i'> {};
template <> struct Form<long> : Whole<long, 'l'> {};
template <> struct Form<long long> : Whole<long long, 'l'> {};
template <> struct Form<float> : Floating<float, 'f'> {};
template <> struct Form<double> : Floating<double, 'd'> {};

template <>
struct Form<std::string> {
    static void put(std::string &out, const std::string &value) {
        out += 's';
        put_number(out, value.size(), 4);
        out += value;
    }
    static std::string take(Reader &in) {
        in.kind('s');
        return in.text();
    }
};

template <class Items>
struct Sequence {
    typedef typename Items::value_type Item;
    static void put(std::string &out, const Items &items) {
        out += 'a';
        put_number(out, items.size(), 4);
        for (const Item &item : items) Form<Item>::put(out, item);
    }
    static Items take(Reader &in) {
        in.kind('a');
        Items items;
        for (size_t left = in.count(); left; left--) items.insert(items.end(), Form<Item>::take(in));
        return items;
    }
};

template <class T> struct Form<std::vector<T>> : Sequence<std::vector<T>> {};
template <class T> struct Form<std::list<T>> : Sequence<std::list<T>> {};
template <class T> struct Form<std::set<T>> : Sequence<std::set<T>> {};

template <class First, class Second>
struct Form<std::pair<First, Second>> {
    static void put(std::string &out, const std::pair<First, Second> &value) {
        Form<First>::put(out, value.first);
        Form<Second>::put(out, value.second);
    }
    static std::pair<First, Second> take(Reader &in) {
        First first = Form<First>::take(in);
        return std::pair<First, Second>(first, Form<Second>::take(in));
    }
};

template <class Key, class Value>
struct Form<std::map<Key, Value>> {
    static void put(std::string &out, const std::map<Key, Value> &value) {
        out += 'm';
        put_number(out, value.size(), 4);
        for (const auto &item : value) Form<std::pair<Key, Value>>::put(out, item);
    }
    static std::map<Key, Value> take(Reader &in) {
        in.kind('m');
        std::map<Key, Value> value;
        for (size_t left = in.count(); left; left--) value.insert(Form<std::pair<Key, Value>>::take(in));
        return value;
    }
};

template <>
struct Form<boost::any> {
    template <class T>
    static bool put_if(std::string &out, const boost::any &value) {
        if (value.type() != typeid(T)) return false;
        Form<T>::put(out, boost::any_cast<T>(value));
        return true;
    }
    static void put(std::string &out, const boost::any &value) {
        if (put_if<bool>(out, value) || put_if<char>(out, value) || put_if<int>(out, value)) return;
        if (put_if<long long>(out, value) || put_if<float>(out, value) || put_if<double>(out, value)) return;
        if (put_if<std::string>(out, value)) return;
        if (!value.empty()) throw Unreadable();
        out += 'n';
    }
    static boost::any take(Reader &in) {
        switch (in.peek()) {
        case 'n': in.kind('n'); return boost::any();
        case 'b': return Form<bool>::take(in);
        case 'c': return Form<char>::take(in);
        case 'i': return Form<int>::take(in);
        case 'l': return Form<long long>::take(in);
        case 'f': return Form<float>::take(in);
        case 'd': return Form<double>::take(in);
        default: return Form<std::string>::take(in);
        }
    }
};

inline bool write_all(int descriptor, const std::string &content) {
    for (size_t done = 0; done < content.size();) {
        ssize_t step = write(descriptor, content.data() + done, content.size() - done);
        if (step <= 0) return false;
        done += step;
    }
    return true;
}

inline bool read_all(int descriptor, std::string &content, size_t length) {
    content.assign(length, 0);
    for (size_t done = 0; done < length;) {
        ssize_t step = read(descriptor, &content[done], length - done);
        if (step <= 0) return false;
        done += step;
    }
    return true;
}

// A message is its length in four bytes, and so many.
inline bool send(int descriptor, const std::string &message) {
    std::string head;
    put_number(head, message.size(), 4);
    return message.size() <= MOST_BYTES && write_all(descriptor, head + message);
}

inline bool receive(int descriptor, std::string &message) {
    std::string head;
    if (!read_all(descriptor, head, 4)) return false;
    size_t length = Reader(head).number(4);
    return length <= MOST_BYTES && read_all(descriptor, message, length);
}

}  // namespace mft
