-- What one question reads is unpacked alone. Grain: as before; how the columns of fact_reading and content_change are cut into compressed blocks.
-- migrate:up
ALTER TABLE fact_reading MODIFY SETTING min_compress_block_size = 4096;
ALTER TABLE content_change MODIFY SETTING min_compress_block_size = 4096;

-- migrate:down
ALTER TABLE content_change RESET SETTING min_compress_block_size;
ALTER TABLE fact_reading RESET SETTING min_compress_block_size;
