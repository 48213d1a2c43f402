import { getDuration } from "./get-duration.js";

class FileUploadService {
    async uploadExternalFile(file) {
        // 1. Duration 계산
        const durationSeconds = await getDuration(file);

        // 2. Presigned URL 요청
        const uploadResponse = await this.requestPresignedUrl(file, durationSeconds);

        // 3. S3 업로드 (백그라운드)
        const uploadPromise = this.uploadToS3(uploadResponse.presignedUrl, file);

        // 4. 사용자 제목 입력 (업로드와 병렬)
        const titlePromise = this.showTitleDialog();

        // 5. 둘 다 완료 대기
        await uploadPromise;
        const title = await titlePromise;

        // 6. Record 생성
        const record = await this.createRecord({
            title,
            uploadId: uploadResponse.uploadId,
            durationSeconds
        });

        return record;
    }
}

export { FileUploadService };
