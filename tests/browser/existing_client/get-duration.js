function getDuration(file) {
    return new Promise((resolve) => {
        const audio = document.createElement('audio');
        audio.src = URL.createObjectURL(file);

        audio.addEventListener('loadedmetadata', () => {
            const duration = Math.floor(audio.duration);
            resolve(duration);
            URL.revokeObjectURL(audio.src);
        });
    });
}

export { getDuration };
