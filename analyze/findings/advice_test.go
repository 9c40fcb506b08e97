package findings

import "testing"

// TestRemedies: what the host is in has its own remedy by the names that profiles have, and other names have none.
func TestRemedies(t *testing.T) {
	for name, want := range map[string]string{
		"hipFree": "memory", "cudaMalloc": "memory", "cudaFree": "memory", "cuMemFree_v2": "memory",
		"hipLaunchKernel": "first", "cuLibraryLoadData": "first", "hipModuleLoadData": "first", "cuModuleLoadDataEx": "first",
		"enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__": "loader",
		"cudaMemcpyAsync": "", "scheduler.run_batch": "", "aten::linear": "", "load_dataloader_config": "", "": "",
	} {
		got := ""
		switch {
		case deviceMemory.MatchString(name):
			got = "memory"
		case firstUse.MatchString(name):
			got = "first"
		case dataLoader.MatchString(name):
			got = "loader"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestStatistics: training's batch norm is no pointwise kernel, whichever library has it; other norms are.
func TestStatistics(t *testing.T) {
	for name, want := range map[string]bool{
		"void at::native::batch_norm_collect_statistics_kernel<at::native::InvStd>":       true,
		"void at::native::batch_norm_backward_kernel<float>":                              true,
		"void cudnn::bn_fw_tr_1C11_kernel_NCHW<float>":                                    true,
		"void cudnn::bn_bw_1C11_kernel_new<float>":                                        true,
		"MIOpenBatchNormFwdTrainSpatial":                                                  true,
		"MIOpenBatchNormBwdSpatial":                                                       true,
		"void at::native::batch_norm_transform_input_kernel<float>":                       false,
		"void vllm::rms_norm_kernel<c10::Half>":                                           false,
		"void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<c10::Half>": false,
	} {
		if statistics.MatchString(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
