/* sled 0.34 calls sync_file_range and believes that what it wrote is durable. It is not: neither the file's size
 * nor the device's cache is written. So the name is taken over, and what sled calls stable is stable. */
#include <unistd.h>
int sync_file_range(int fd, off_t offset, off_t count, unsigned int flags);
int sync_file_range(int fd, off_t offset, off_t count, unsigned int flags) { (void)offset; (void)count; (void)flags; return fdatasync(fd); }
