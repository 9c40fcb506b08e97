import dataclasses

from . import behaviour

if "old" not in behaviour:
    @dataclasses.dataclass
    class ProfilerConfig:
        profiler: str = None
        torch_profiler_dir: str = ""
        torch_profiler_with_stack: bool = True
        torch_profiler_with_flops: bool = False
        torch_profiler_use_gzip: bool = True
        torch_profiler_dump_cuda_time_total: bool = True
        torch_profiler_record_shapes: bool = False
        torch_profiler_with_memory: bool = False
        ignore_frontend: bool = False
        delay_iterations: int = 0
        max_iterations: int = 0
