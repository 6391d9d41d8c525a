// Loads the candidate, then what calls its function, each compiled by itself: neither sees the other's macros.
#include <dlfcn.h>
#include <stdio.h>

int main() {
    void *candidate = dlopen("./candidate.so", RTLD_NOW | RTLD_GLOBAL);
    void *serving = candidate ? dlopen("./serving.so", RTLD_NOW) : nullptr;
    int (*serve)() = serving ? (int (*)())dlsym(serving, "mft_serve") : nullptr;
    if (!serve) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    return serve();
}
