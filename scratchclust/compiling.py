"""What XLA is told where its own choice of a program's form is a bad one, by platform."""

# A TPU's compiler lays a convolution or a product out in windows that fill what it may take of the
# vector memory, and writes each window without a loop; in full precision that is six passes. With a
# quarter of the memory the windows are smaller. As compiled for a v5e, never run (processor seconds
# of compiling, the compiler's own estimate of cycles): a training step of the autoencoder in
# float32 15 s and 0.75 million instead of 138 s (cycles not read); with half of the memory 66 s and
# 0.48, with an eighth 4 s and 2.8. Gradient features take 1.5 s.
TPU_OPTIONS = {"xla_tpu_scoped_vmem_limit_kib": 4096}
