// A row-major matrix that somebody else owns. A vector [n] is any view with n elements, dense;
// kernels that take vectors say so and check the count.
#ifndef RLVR_TENSOR_VIEW_H_
#define RLVR_TENSOR_VIEW_H_
#include <cstdint>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <vector>

#include "base/error.h"

namespace rlvr {

template <class T>
struct View {
  T* data = nullptr;
  int64_t rows = 0, cols = 0;
  int64_t stride = 0;  // elements from one row to the next, >= cols

  View() = default;
  View(T* d, int64_t r, int64_t c) : data(d), rows(r), cols(c), stride(c) {}
  View(T* d, int64_t r, int64_t c, int64_t s) : data(d), rows(r), cols(c), stride(s) {}
  // NOLINTNEXTLINE(google-explicit-constructor): a View<float> is a View<const float>.
  operator View<const T>() const { return {data, rows, cols, stride}; }

  T* row(int64_t r) const { return data + r * stride; }
  T& operator()(int64_t r, int64_t c) const { return data[r * stride + c]; }
  int64_t size() const { return rows * cols; }
  bool empty() const { return rows == 0 || cols == 0; }
  View Rows(int64_t begin, int64_t end) const { return {row(begin), end - begin, cols, stride}; }
  View Cols(int64_t begin, int64_t end) const { return {data + begin, rows, end - begin, stride}; }
};

// 64-byte aligned array that does not initialise on Resize unless asked; grows, never shrinks its
// memory. Large ones ask for huge pages.
template <class T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(int64_t n) { Resize(n); }
  ~AlignedBuffer() { std::free(data_); }
  AlignedBuffer(AlignedBuffer&& o) noexcept
      : data_(o.data_), size_(o.size_), capacity_(o.capacity_) {
    o.data_ = nullptr;
    o.size_ = o.capacity_ = 0;
  }
  AlignedBuffer& operator=(AlignedBuffer&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    std::swap(capacity_, o.capacity_);
    return *this;
  }
  // Contents are lost when the memory has to grow.
  void Resize(int64_t n);
  void Fill(T value) {
    for (int64_t i = 0; i < size_; ++i) data_[i] = value;
  }
  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return size_; }
  int64_t capacity_bytes() const { return capacity_ * static_cast<int64_t>(sizeof(T)); }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  int64_t size_ = 0, capacity_ = 0;
};

void* AllocateAligned(
    int64_t bytes);  // 64-byte (2 MiB for large blocks) aligned, to be freed by free()

template <class T>
void AlignedBuffer<T>::Resize(int64_t n) {
  if (n > capacity_) {
    std::free(data_);
    data_ = static_cast<T*>(AllocateAligned(n * static_cast<int64_t>(sizeof(T))));
    capacity_ = n;
  }
  size_ = n;
}

}  // namespace rlvr
#endif  // RLVR_TENSOR_VIEW_H_
