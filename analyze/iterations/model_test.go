package iterations

import "testing"

// Names of matrix products as libraries have them, and the type of their inputs.
func TestDtypeNamed(t *testing.T) {
	for name, want := range map[string]string{
		"nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_TNT":                                                             "fp16",
		"nvjet_sm103_tst_64x16_64x16_2x1_2cta_v_bz_splitK_TNT":                                               "bf16",
		"nvjet_hsh_128x8_64x12_2x1_v_bz_TNT":                                                                 "fp16",
		"void cublasLt::splitKreduce_kernel<32, 16, int, float, __nv_bfloat16, float, __nv_bfloat16, false>": "bf16",
		"void cublasLt::splitKreduce_kernel<32, 16, int, float, __half, float, __half, false, float>":        "fp16",
		"void gemmSN_TN_kernel<float, 128, 16, 2, 4, 4, 4, true, cublasGemvTensorStridedBatched<float>>":     "fp32",
		"void sgemm_largek_lds64<true, false, 5, 5, 4, 4, 4, 34>(float*, float const*, float const*, int)":   "fp32",
		"sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize128x32x8_stage3_warpsize2x2x1":                        "fp32",
		"sm80_xmma_gemm_tf32f32_tf32f32_f32_tn_n_tilesize128x128x16":                                         "tf32",
		"sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_warpgroupsize1x1x1":                     "bf16",
		"sm90_xmma_gemm_f16f16_f16f32_f32_tn_n_tilesize64x64x64_warpgroupsize1x1x1":                          "fp16",
		"ampere_fp16_s16816gemm_fp16_64x64_ldg8_f2f_stages_64x5_tn":                                          "fp16",
		"ampere_bf16_s16816gemm_bf16_128x64_ldg8_f2f_stages_32x6_tn":                                         "bf16",
		"volta_sgemm_64x64_nn": "fp32",
		"Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT16x16x256_MI16x16x1_SN":                             "bf16",
		"Cijk_Alik_Bljk_HHS_BH_Bias_HA_S_SAV_UserArgs_MT16x16x256_MI16x16x1_SN":                             "fp16",
		"Cijk_Ailk_Bjlk_SB_Bias_AS_SAV_UserArgs_MT64x16x16_MI16x16x1_SN":                                    "fp32",
		"GemmUniversal<machete::MacheteCollectiveMma<cutlass::integer_subbyte<4, false>, cutlass::half_t>>": "fp16",
		"triton_mm_17": "",
	} {
		if got := dtypeNamed(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
