/* Stands in for libnvidia-ml.so.1: two GPUs. On the first one two processes compute, the second of
   them with a memory that is not told; the other GPU tells no utilisation and no processes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned gpu, memory; } rates;
typedef struct { unsigned pid; unsigned long long used; unsigned instance, compute; } process;
enum { SUCCESS = 0, NOT_SUPPORTED = 3, TOO_SMALL = 7 };

int nvmlInitWithFlags(unsigned flags) { (void)flags; return SUCCESS; }
const char *nvmlErrorString(int code) { (void)code; return "not supported"; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = (void *)(size_t)(index + 1);
    return SUCCESS;
}
int nvmlDeviceGetName(void *device, char *name, unsigned size) {
    snprintf(name, size, "Stub %d", (int)(size_t)device - 1);
    return SUCCESS;
}
int nvmlDeviceGetUUID(void *device, char *uuid, unsigned size) {
    snprintf(uuid, size, "GPU-%d", (int)(size_t)device - 1);
    return SUCCESS;
}
int nvmlDeviceGetMemoryInfo(void *device, memory *told) {
    (void)device;
    told->total = 80000000000ull, told->used = 5000000000ull, told->free = 75000000000ull;
    return SUCCESS;
}
int nvmlDeviceGetUtilizationRates(void *device, rates *told) {
    if ((size_t)device == 2) return NOT_SUPPORTED;
    told->gpu = 93, told->memory = 41;
    return SUCCESS;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, process *told) {
    if ((size_t)device == 2) return NOT_SUPPORTED;
    if (*count < 2) { *count = 2; return TOO_SMALL; }
    const char *pid = getenv("NVML_STUB_PID");
    memset(told, 0, 2 * sizeof *told);
    told[0].pid = pid ? atoi(pid) : 1, told[0].used = 4200000000ull;
    told[1].pid = 2, told[1].used = ~0ull;
    *count = 2;
    return SUCCESS;
}
