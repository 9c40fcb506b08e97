// Answers each line "prefill|decode THREADS TOKENS" with what that took llama.cpp, as JSON.
import {createInterface} from "node:readline";
import {getLlama} from "node-llama-cpp";

const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});
const model = await llama.loadModel({modelPath: process.argv[2], gpuLayers: 0});
const contexts = {};

async function sequenceOf(threads) {
    contexts[threads] ??= await model.createContext({contextSize: 256, batchSize: 256, threads: {ideal: threads, min: threads}});
    const s = contexts[threads].sequencesLeft ? contexts[threads].getSequence() : contexts[threads].sequence;
    contexts[threads].sequence ??= s;
    await contexts[threads].sequence.clearHistory();
    return contexts[threads].sequence;
}

for await (const line of createInterface({input: process.stdin})) {
    const [phase, threads, tokens] = line.split(" ").map((x, i) => (i ? Number(x) : x));
    const sequence = await sequenceOf(threads);
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    if (phase === "prefill") {
        await sequence.evaluateWithoutGeneratingNewTokens(Array.from({length: tokens}, (_, i) => 100 + i));
    } else {
        let n = 0;
        for await (const _ of sequence.evaluate([100], {temperature: 0, yieldEogToken: true}))
            if (++n === tokens) break;
    }
    const used = process.cpuUsage(cpu);
    console.log(JSON.stringify({seconds: Number(process.hrtime.bigint() - start) / 1e9, cpu_seconds: (used.user + used.system) / 1e6}));
}
process.exit(0);
