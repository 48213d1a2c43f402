import { useState } from "react";
import { RecordingService, type RecordResponse } from "orak-client";

interface UseRecordingResult {
    isRecording: boolean;
    isUploading: boolean;
    startRecording: () => Promise<void>;
    stopRecording: (title: string) => Promise<RecordResponse>;
}

export function useRecording(): UseRecordingResult {
    const [isRecording, setIsRecording] = useState(false);
    const [isUploading, setIsUploading] = useState(false);
    const [mediaRecorder, setMediaRecorder] = useState<MediaRecorder | null>(null);
    const [audioBlob, setAudioBlob] = useState<Blob | null>(null);
    const [startTime, setStartTime] = useState<number>(0);

    const startRecording = async () => {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
        const recorder = new MediaRecorder(stream);

        recorder.ondataavailable = (event) => {
            if (event.data.size > 0) {
                setAudioBlob(event.data);
            }
        };

        recorder.start();
        setMediaRecorder(recorder);
        setIsRecording(true);
        setStartTime(Date.now());
    };

    const stopRecording = async (title: string): Promise<RecordResponse> => {
        if (!mediaRecorder || !audioBlob) throw new Error('Recording not started');

        setIsRecording(false);
        setIsUploading(true);

        try {
            mediaRecorder.stop();
            const durationSeconds = Math.floor((Date.now() - startTime) / 1000);

            // API 호출
            const recordingService = new RecordingService();
            const uploadResponse = await recordingService.requestPresignedUrl(audioBlob, durationSeconds);
            await recordingService.uploadToS3(uploadResponse.presignedUrl, audioBlob);
            const record = await recordingService.createRecord({
                title,
                uploadId: uploadResponse.uploadId,
                durationSeconds
            });

            return record;
        } finally {
            setIsUploading(false);
            setAudioBlob(null);
            setMediaRecorder(null);
        }
    };

    return { isRecording, isUploading, startRecording, stopRecording };
}
